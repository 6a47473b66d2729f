-- Charges in the terms of FOCUS 1.2 (FinOps Open Cost and Usage Specification): a row for each day, bot, model, price and
-- kind of token. They are estimates from the log, not an invoice. FOCUS has no cost that is not known: calls without a
-- price or tokens are not here, and kore_llm_completeness counts them. A SKU is a model at a provider and a kind of token; its
-- price's id tells the steps of the prompt's size apart, and is the same whatever your contract says.
{%- set meters = {
    'Input Tokens': 'input', 'Cache Read Tokens': 'cache_read', 'Cache Write Tokens': 'cache_write',
    'Output Tokens': 'output', 'Reasoning Tokens': 'reasoning',
} %}

{%- set grouped = ['day', 'bot_id', 'account', 'sold_by', 'resource_name', 'resource', 'sku', 'prompt_tokens_above',
    'list_price_provider', 'list_priced_model', 'list_prompt_tokens_above'] %}
{%- for kind in price_kinds() %}{% do grouped.append(kind ~ '_usd_per_million') %}{% endfor %}
with usage as (
    select
        {{ grouped | join(', ') }},
        {% for kind in price_kinds() -%}
        cast(sum({{ kind }}_tokens_billed) as {{ type_integer() }}) as {{ kind }}_tokens{{ ',' if not loop.last }}
        {% endfor %}
    from (
        select
            calls.*,
            coalesce(calls.integration, calls.provider, '(none)') as account,
            coalesce(calls.provider, calls.list_price_provider, calls.integration, '(none)') as sold_by,
            calls.model as resource_name,
            coalesce(calls.response_model, calls.request_model, calls.model_name) as resource,
            coalesce(calls.list_priced_model, calls.priced_model) as sku
        from {{ ref('kore_llm_calls') }} as calls
        where calls.cost_usd is not null and calls.day is not null
    ) as charged
    group by {{ grouped | join(', ') }}
),

charges as (
    {%- for meter, kind in meters.items() %}
    select
        usage.day, usage.bot_id, usage.account, usage.sold_by as provider, usage.resource_name, usage.resource, usage.sku,
        coalesce(usage.list_prompt_tokens_above, usage.prompt_tokens_above) as prompt_tokens_above,
        '{{ meter }}' as meter,
        usage.{{ kind }}_tokens as tokens,
        usage.{{ kind }}_usd_per_million as unit_price,
        coalesce(listed.{{ kind }}_usd_per_million, usage.{{ kind }}_usd_per_million) as list_unit_price
    from usage
    left join {{ ref('int_kore_llm_prices') }} as listed
        on listed.price_source = 'public'
        and usage.list_price_provider = listed.provider
        and usage.list_priced_model = listed.priced_model
        and usage.list_prompt_tokens_above = listed.prompt_tokens_above
        and usage.day >= listed.valid_from
        and (listed.valid_until is null or usage.day < listed.valid_until)
    where usage.{{ kind }}_tokens > 0
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

{% set cost = 'cast(cast(tokens * unit_price as ' ~ type_usd() ~ ') / 1000000 as ' ~ type_usd() ~ ')' %}
{% set above = 'cast(prompt_tokens_above as ' ~ dbt.type_string() ~ ')' %}
{% set sku = dbt.concat(['provider', "'/'", 'sku', "'/'", 'meter']) %}
{% set columns = {
    'BilledCost': cost,
    'BillingAccountId': 'account',
    'BillingAccountName': 'account',
    'BillingAccountType': "'Integration'",
    'BillingCurrency': "'USD'",
    'BillingPeriodEnd': 'cast(' ~ dbt.dateadd('month', 1, dbt.date_trunc('month', 'day')) ~ ' as ' ~ dbt.type_timestamp() ~ ')',
    'BillingPeriodStart': 'cast(' ~ dbt.date_trunc('month', 'day') ~ ' as ' ~ dbt.type_timestamp() ~ ')',
    'ChargeCategory': "'Usage'",
    'ChargeClass': 'cast(null as ' ~ dbt.type_string() ~ ')',
    'ChargeDescription': dbt.concat(['sku', "', '", 'meter']),
    'ChargeFrequency': "'Usage-Based'",
    'ChargePeriodEnd': 'cast(' ~ dbt.dateadd('day', 1, 'day') ~ ' as ' ~ dbt.type_timestamp() ~ ')',
    'ChargePeriodStart': 'cast(day as ' ~ dbt.type_timestamp() ~ ')',
    'CommitmentDiscountStatus': 'cast(null as ' ~ dbt.type_string() ~ ')',
    'ConsumedQuantity': 'cast(tokens as ' ~ dbt.type_numeric() ~ ')',
    'ConsumedUnit': "'Tokens'",
    'ContractedCost': cost,
    'ContractedUnitPrice': 'unit_price',
    'EffectiveCost': cost,
    'InvoiceId': 'cast(null as ' ~ dbt.type_string() ~ ')',
    'InvoiceIssuerName': provider_for_people('issuer'),
    'ListCost': 'cast(cast(tokens * list_unit_price as ' ~ type_usd() ~ ') / 1000000 as ' ~ type_usd() ~ ')',
    'ListUnitPrice': 'list_unit_price',
    'PricingCategory': "'Standard'",
    'PricingCurrency': "'USD'",
    'PricingCurrencyContractedUnitPrice': 'unit_price',
    'PricingCurrencyEffectiveCost': cost,
    'PricingCurrencyListUnitPrice': 'list_unit_price',
    'PricingQuantity': 'cast(cast(tokens as ' ~ type_usd() ~ ') / 1000000 as ' ~ type_usd() ~ ')',
    'PricingUnit': "'1000000 Tokens'",
    'ProviderName': provider_for_people('issuer'),
    'PublisherName': provider_for_people('issuer'),
    'ResourceId': dbt.concat(['provider', "'/'", 'resource']),
    'ResourceName': "case when resource_name not in (resource, '(none)') then resource_name end",
    'ResourceType': "'Model'",
    'ServiceCategory': "'AI and Machine Learning'",
    'ServiceName': provider_for_people('service'),
    'ServiceSubcategory': "'Generative AI'",
    'SkuId': sku,
    'SkuMeter': 'meter',
    'SkuPriceDetails': dbt.concat(["'{\"x_Model\": \"'", 'sku', "'\", \"x_TokenType\": \"'", 'meter', "'\", \"x_PromptTokensAbove\": '", above, "'}'"]),
    'SkuPriceId': dbt.concat([sku, "'/above '", above]),
    'SubAccountId': 'bot_id',
    'SubAccountName': 'bot_id',
    'SubAccountType': "case when bot_id is not null then 'Bot' end",
} -%}
select
    {% for name, value in columns.items() -%}
    {{ value }} as {{ adapter.quote(name) }}{{ ',' if not loop.last }}
    {% endfor %}
from charges
