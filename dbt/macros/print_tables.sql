{# Prints tables as one line of JSON, {name: {"columns": [...], "rows": [[...]]}}: how report.py reads the marts of any
   warehouse. `tables`: name of a model -> what follows its name in the query, for example "order by day". #}
{% macro print_tables(tables) %}
    {%- set printed = {} -%}
    {%- for name, rest in tables.items() -%}
        {%- set result = run_query('select * from ' ~ ref(name) ~ ' as answer ' ~ rest) -%}
        {%- set rows = [] -%}
        {%- for row in result.rows -%}
            {%- set cells = [] -%}
            {%- for cell in row -%}
                {%- do cells.append(
                    cell if cell is none or cell is boolean or cell is string
                    else (cell | int if cell == cell | int else cell | float) if cell is number
                    else cell.isoformat() if cell.isoformat is defined
                    else cell | string
                ) -%}
            {%- endfor -%}
            {%- do rows.append(cells) -%}
        {%- endfor -%}
        {%- do printed.update({name: {'columns': result.column_names | map('lower') | list, 'rows': rows}}) -%}
    {%- endfor -%}
    {%- do print(tojson(printed)) -%}
{% endmacro %}
